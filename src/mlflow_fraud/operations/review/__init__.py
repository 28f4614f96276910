"""A pull request is retrained, judged and told about; workflows call what is here, and decide nothing themselves."""
