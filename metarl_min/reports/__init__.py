"""What people look at: tables, pictures, the index of equations."""
