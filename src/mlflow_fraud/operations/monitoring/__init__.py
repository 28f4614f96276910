"""The live release, watched on labelled windows."""
