"""Transform: payloads to rows. Pure: it knows neither a database nor HTTP."""
