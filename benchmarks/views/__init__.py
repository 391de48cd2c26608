"""How fast the views of schema bi answer, on an account of 200,000 conversations."""
