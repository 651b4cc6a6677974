//! The system seen from outside: harness, scenario, order, crash, apart, clients, tidy.
