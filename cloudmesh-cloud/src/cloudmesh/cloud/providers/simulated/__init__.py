"""A cloud that is only pretended, to learn and to rehearse on: nothing runs, nothing costs."""
