"""An actor that sends messages at the times of cron expressions."""
