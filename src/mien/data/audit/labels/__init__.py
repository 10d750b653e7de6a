"""What can be said of labels without asking anybody anew: by a judge that has not seen them, and by FER+ votes."""
