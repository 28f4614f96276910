"""The built-in transaction simulator: card payments and fraud in the layout of the Kaggle files."""

from mlflow_fraud.simulation.plan import SCENARIOS, SimulationPlan
from mlflow_fraud.simulation.simulator import simulate

__all__ = ["SCENARIOS", "SimulationPlan", "simulate"]
