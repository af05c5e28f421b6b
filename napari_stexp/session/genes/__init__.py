"""What is shown of genes and of signatures: values, limits, scales, colours."""
