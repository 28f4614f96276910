"""The two files that a booster is, XGBoost's own and an ONNX graph: written and read byte by byte, within bounds."""
