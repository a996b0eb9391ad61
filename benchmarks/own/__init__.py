"""What only this project can be asked, because no other shows it: what a claim costs."""
