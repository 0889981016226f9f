"""The tools that every other room is written with.

arguments           checks of arguments: an error states the rule, then the value that broke it
records             NamedTuples that check their fields
numerals            numbers that are written as words
words               settings that are written as name=value
files               files that are replaced in one step, and directories with one writer
plugins             functions in files outside the package, by name
trees               parameters as flat dicts of float arrays, each treated as one vector
random_numbers      random numbers that all members of a population share
optimizers          gradient ascent, momentum and Adam
vectors             numbers, arrays and trees as vectors; functions that are called with copies
noise               the size of the errors in the values of a function
finite_differences  derivatives from values of a function, each with its error
complex_steps       derivatives from functions of complex numbers
verdicts            the report of a check: agrees, WRONG or not checked
conclusions         the comparison of claimed slopes with measured slopes
checks              checks of a gradient, in every coordinate or along random directions
expectations        exact means and covariances of estimators, and a check that one is unbiased

Only the package calls these parts of the checks, and they trust their arguments: `as_vector`,
`point`, `as_array`, `real_numbers`, `check_numbers`, `matching_vector`, `coarsest_dtype`,
`call_with_copy`, `entry_name`, `roughness`, `noise`, `number`, `vector_function`, `extrapolate`,
`slope`, `sizes`, `two_lines`, `noise_near`, `on_line`, `slope_along`, `measure`,
`imaginary_slopes`, `contradiction`, `wrong_entries`, `compare`, `coordinates`, `along_directions`,
`conclude`, `checked_tolerance` and `tolerance_for`.

Only the package calls the functions of `words`, the functions of `plugins` and these functions, and
they trust their arguments: `whole_number`, `is_leftover`, `one_writer`, `checked`, `check_like`,
`map_leaves`, `scale`, `add_scaled`, `total`, `dot`, `sum_tasks`, `broadcast_to_tasks`, `ravel` and
`flatten_tasks`.
"""

import numpy as np

# The C library of Linux, glibc, gives freed memory back to the system, and the next array fetches
# it again, page by page. This took a third of the time of a training step. How much freed memory
# glibc keeps depends on the largest array that the process has freed so far. So an array of 16 MB
# is made and freed here. From now on, glibc keeps up to 32 MB, and the steps use them again.
# Nothing is written to the array, so it takes no memory. If the environment variable
# MALLOC_MMAP_THRESHOLD_ is set, glibc obeys the variable. Other C libraries ignore the array.
np.empty(2**21)
