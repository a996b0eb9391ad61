"""RabbitMQ: a durable conveyor from producers to the store of the workers."""
