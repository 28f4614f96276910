"""The parts of docs/ that are made from the code: `python -m docs.made` writes them again, a test keeps them so."""
