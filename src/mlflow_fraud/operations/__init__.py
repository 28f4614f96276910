"""What a person or a flow asks for, by subject: read files, call the core, write files."""
