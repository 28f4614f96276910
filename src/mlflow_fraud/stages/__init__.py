"""What `dvc.yaml` calls: read files, call the core, write files."""
