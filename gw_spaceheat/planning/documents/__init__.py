"""Cases, plans and parameters as JSON documents, and the published form of others."""
