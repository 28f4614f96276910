"""The built-in transaction simulators: card payments in the layout of the Kaggle files, payments at terminals."""

from mlflow_fraud.simulation.plan import SCENARIOS, SimulationPlan
from mlflow_fraud.simulation.simulator import simulate, simulate_kinds
from mlflow_fraud.simulation.terminals import TerminalPlan, simulate_terminals

__all__ = ["SCENARIOS", "SimulationPlan", "TerminalPlan", "simulate", "simulate_kinds", "simulate_terminals"]
