"""The views of schema `bi`, which BI tools read, and who may read them."""
