"""The report: one page of HTML on what the warehouse holds, and its tables for other tools."""
