package account

// DeletedUser is what rows name in the place of somebody whose account was deleted.
const DeletedUser = "deleted-user"
