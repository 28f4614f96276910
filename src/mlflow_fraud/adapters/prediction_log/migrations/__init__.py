"""How the tables came to be, step by step; `mlflow-fraud record upgrade` takes them."""
