"""What commands show and write."""
