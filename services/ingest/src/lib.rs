//! Takes reports and registry changes, checks them, and acknowledges what is durable.
