"""What surrounds every HTTP request: middleware, problems, responses, routing, OpenAPI, uvicorn's protocols."""
