"""What holds inside one organisation: who sees and changes what, and who acts on whom."""
