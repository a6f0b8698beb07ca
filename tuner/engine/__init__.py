"""The container engine: a Protocol, its Docker implementation, and a fake that ships."""
