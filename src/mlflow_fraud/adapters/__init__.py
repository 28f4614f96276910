"""One outside thing per module; its types and its errors stop here."""
