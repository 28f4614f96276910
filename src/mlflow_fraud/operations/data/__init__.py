"""Raw data: made, brought, checked, pinned, told."""
