"""Arguments of calls: values from programs and pages, checked against the components that they are for."""
