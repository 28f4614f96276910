"""What a model is worth on a period: to a statistician, and to the team that looks into its alerts."""
