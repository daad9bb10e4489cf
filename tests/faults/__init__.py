"""What happens when something around Mnemon breaks: real servers, real kills, a ledger of what was promised."""
