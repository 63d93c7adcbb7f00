"""History in, planner's parameters with error bars out; refuses to claim what the data cannot show. Pure."""
