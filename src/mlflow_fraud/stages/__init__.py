"""What `dvc.yaml` calls, and what it is made of: read files, call the core, write files."""
