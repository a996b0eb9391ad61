"""The broker and store on the project's own database. The only part of the engine that knows Django."""
