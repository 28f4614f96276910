"""What happened, for people: the terminal, a flow's page, a pull request."""
