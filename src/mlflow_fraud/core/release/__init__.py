"""What ships: the verdict, the manifest, the ledger."""
