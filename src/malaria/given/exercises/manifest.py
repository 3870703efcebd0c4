"""The manifest: every exercise once, in the order of the course."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Exercise:
    """One exercise: where it is, what it costs and earns, and three hints of rising help."""

    number: str  # lesson and place in it, such as "3.2"
    module: str
    name: str  # of the function or class
    minutes: int  # what it takes somebody who has read the lesson
    points: int
    hints: tuple[str, str, str]

    @property
    def marker(self):
        """The mark of its tests: `pytest -m exercise_3_2`."""
        return "exercise_" + self.number.replace(".", "_")


def _lesson(module, *rows):
    return tuple(Exercise(row[0], module, *row[1:4], tuple(row[4:])) for row in rows)


EXERCISES = (
    *_lesson(
        "train_test_split",
        (
            "1.1",
            "patient_of",
            10,
            1,
            "Compare several file names of one patient: which part do they share?",
            "A regular expression that matches at the start of the name: a letter and digits.",
            "Cut off the folders at / and \\ first, then match C and all digits that follow.",
        ),
        (
            "1.2",
            "shuffle_together",
            10,
            1,
            "Two shuffles with one seed are equal only if the lengths are. What"
            " can be shared instead?",
            "Shuffle positions, not arrays.",
            "Draw one permutation from numpy.random.default_rng(seed); index every array with it.",
        ),
        (
            "1.3",
            "split_by_patient",
            30,
            3,
            "Cells cannot be dealt one by one. What is the smallest thing that can?",
            "Shuffle the sorted patients and cut the list where the cells' running sum says so.",
            "Do that many times, and keep the cut whose sizes and class shares are nearest to those"
            " asked for.",
        ),
        (
            "1.4",
            "leaked_patients",
            5,
            1,
            "A leak is a name that stands on both sides.",
            "Look up the names of both index arrays, then think of sets.",
            "numpy.intersect1d of the two arrays of names gives each name once.",
        ),
        (
            "1.5",
            "majority_baseline",
            15,
            2,
            "Nothing but the patient's name may decide the guess.",
            "Take the mean of the labels of the patient's training cells; above"
            " one half is class 1.",
            "Without training cells, or at exactly one half, guess the class"
            " that most training cells"
            " have; if that is a tie as well, 0.",
        ),
    ),
    *_lesson(
        "data_preprocessing",
        (
            "2.1",
            "read_image",
            10,
            1,
            "Print the dtype and the range after each operation that you add.",
            "tf.io.read_file, tf.io.decode_png with 3 channels, tf.image.resize with antialiasing.",
            "Convert to [0, 1] exactly once, and fix the static shape at the end.",
        ),
        (
            "2.2",
            "channel_statistics",
            10,
            1,
            "Over which axes do you average if 3 numbers are to be left?",
            "The mean first; then the mean of the squared distance from it.",
            "Reduce over the axes 0, 1 and 2, and take the root of the variance.",
        ),
        (
            "2.3",
            "standardise",
            5,
            1,
            "What happens to a channel in which all pixels are equal?",
            "Subtract, then divide; the division needs a guard.",
            "Divide by the deviation where it is above 0, and by 1 elsewhere.",
        ),
        (
            "2.4",
            "flip_and_rotate",
            20,
            2,
            "One draw for the whole batch is the usual mistake: how many draws do you need?",
            "Left-right, up-down and transposing, each done or not done, give all 8 symmetries.",
            "Draw a (3, B, 1, 1, 1) block of stateless coins, and choose with tf.where.",
        ),
        (
            "2.5",
            "jitter_stain",
            10,
            1,
            "An offset would make the black background grey. What keeps black black?",
            "A factor for each image and each channel.",
            "Draw a stateless uniform gain of shape (B, 1, 1, 3), multiply, clip to [0, 1].",
        ),
        (
            "2.6",
            "make_dataset",
            30,
            3,
            "Which steps give the same in every epoch, and which must not?",
            "Reading goes before cache(), shuffling and augmenting after it.",
            "Zip the batches with a Dataset.random that draws anew in each"
            " iteration, for the seeds.",
        ),
    ),
    *_lesson(
        "cnn_model",
        (
            "3.1",
            "he_normal",
            10,
            1,
            "How many numbers does a single output of the layer add up?",
            "For a convolution that is height times width times input channels.",
            "The product of all of shape but its last entry is the fan-in; draw stateless normal"
            " numbers of deviation sqrt(2 / fan-in).",
        ),
        (
            "3.2",
            "conv2d",
            30,
            3,
            "A convolution is a dot product, made at many places.",
            "tf.image.extract_patches gives you each place as a row.",
            "Reshape the patches to rank 2, multiply by the kernel as (h*w*C, F), add the bias,"
            " reshape back.",
        ),
        (
            "3.3",
            "max_pool",
            15,
            2,
            "Can a reshape put each square's pixels on axes of their own?",
            "Split height into (rows, size) and width into (columns, size).",
            "Crop what is left over, reshape to rank 6, take the maximum over axes 2 and 4.",
        ),
        (
            "3.4",
            "batch_norm",
            25,
            2,
            "Write down which statistics are used when, before you code.",
            "tf.nn.moments over all axes but the last, in training only.",
            "New moving value = momentum * old + (1 - momentum) * batch; outside"
            " training, return the"
            " old ones.",
        ),
        (
            "3.5",
            "dropout",
            10,
            1,
            "The expected value of each element must not change.",
            "A value is kept with probability 1 - rate.",
            "Keep where a stateless uniform draw is at least rate, and divide what is kept by"
            " 1 - rate.",
        ),
        (
            "3.6",
            "softmax_cross_entropy",
            20,
            2,
            "exp(1000) is infinite. Which constant may you subtract from all logits?",
            "The loss is log(sum(exp(logits))) minus the label's logit.",
            "Subtract each row's greatest logit first; average over the batch at the end.",
        ),
        (
            "3.7",
            "CNN",
            45,
            5,
            "Follow a shape through the network on paper first.",
            "Blocks of convolution, batch norm, ReLU and pooling; then dense,"
            " ReLU, dropout, dense.",
            "Give each layer its own seed, store the new statistics in training,"
            " and count the calls so"
            " that each dropout mask has a new seed.",
        ),
    ),
    *_lesson(
        "tf_function",
        (
            "4.1",
            "count_traces",
            10,
            1,
            "A tf.function can be asked how often it was traced.",
            "Compile inside your function, so that each count starts from nothing.",
            "Call it with each tuple unpacked, then return experimental_get_tracing_count().",
        ),
        (
            "4.2",
            "compile_classifier",
            15,
            2,
            "Which axis of the images differs from call to call?",
            "An input_signature with None for the batch size.",
            "tf.function with TensorSpec((None, S, S, 3)); softmax of the logits; column 1.",
        ),
        (
            "4.3",
            "RunningMean",
            15,
            2,
            "A mean of means is wrong if the last batch is short. What must be remembered?",
            "A sum and a count, as variables made in __init__.",
            "assign_add both in update; divide_no_nan in result; assign 0 in reset.",
        ),
        (
            "4.4",
            "average_over_views",
            30,
            3,
            "A Python loop copies the network into the graph once a view.",
            "tf.while_loop traces its body once; tf.image.rot90 takes a tensor for k.",
            "In the body: mirror if the view is 4 or more, turn view % 4 times,"
            " add the classifier's"
            " result.",
        ),
        (
            "4.5",
            "make_augmenter",
            20,
            2,
            "What Python draws while tracing is a constant for ever after.",
            "A tf.random.Generator made outside the function holds the state.",
            "Inside, ask it for fresh seeds with make_seeds, one column for each stateless draw.",
        ),
        (
            "4.6",
            "compile_epoch",
            20,
            2,
            "AutoGraph turns a for loop over a dataset into a loop of the graph.",
            "Keep a sum of losses, each weighted by its batch size.",
            "Your RunningMean does it, if each loss is entered once for every example.",
        ),
    ),
    *_lesson(
        "gradient_tape",
        (
            "5.1",
            "gradient_at",
            10,
            1,
            "The tape follows variables by itself. Is the point one?",
            "tape.watch, inside the with block, before the function is called.",
            "Call the function inside the block, tape.gradient after it.",
        ),
        (
            "5.2",
            "numerical_gradient",
            20,
            2,
            "Move a single element at a time, in both directions.",
            "(f(x + e) - f(x - e)) divided by twice e.",
            "Build each step with tf.one_hot, reshaped to the point's shape; stack and reshape the"
            " slopes.",
        ),
        (
            "5.3",
            "head_gradients_by_hand",
            45,
            4,
            "Write the forward pass first, and keep every value on the way.",
            "The gradient at the logits is (softmax - one-hot) divided by the batch size.",
            "A weight's gradient is its input, transposed, times the gradient at its output; ReLU"
            " passes on where its input was above 0.",
        ),
        (
            "5.4",
            "loss_and_gradients",
            15,
            2,
            "What is computed after the with block leaves no trace on the tape.",
            "Model and loss inside, in training mode; tape.gradient outside.",
            "Look for None among the gradients, and name those variables in a ValueError.",
        ),
        (
            "5.5",
            "clip_gradients",
            15,
            1,
            "Clipping each gradient by itself would turn the direction.",
            "One norm over all of them: the root of the sum of all squares.",
            "Multiply each by max_norm / max(norm, max_norm), which is 1 for short ones.",
        ),
        (
            "5.6",
            "Adam",
            40,
            4,
            "Read algorithm 1 of the paper, and name a variable for each symbol.",
            "Two slots for each variable, one step counter, all tf.Variable.",
            "Update both averages, divide them by 1 - beta ** t, and add epsilon outside the root.",
        ),
        (
            "5.7",
            "train_step",
            10,
            1,
            "You have written all the parts.",
            "Loss and gradients, then clipping, then the optimizer.",
            "Return the loss that loss_and_gradients gave you.",
        ),
        (
            "5.8",
            "saliency_map",
            20,
            2,
            "This time the pixels are what is differentiated by.",
            "Watch the images; take the logit of class 1, outside training mode.",
            "The gradient of the sum of those logits; its absolute value,"
            " reduced over the channels.",
        ),
    ),
    *_lesson(
        "model_training",
        (
            "6.1",
            "variables_to_train",
            5,
            1,
            "Two words are right, all others are an error.",
            "The model offers both lists as properties.",
            "Return a list for each of the two; raise ValueError with a sentence otherwise.",
        ),
        (
            "6.2",
            "make_train_step",
            40,
            4,
            "A flag changed after tracing is not seen, and zero gradients still"
            " move with momentum.",
            "Take gradients with respect to the phase's variables alone.",
            "In the head phase run features outside training, and only the head in training mode.",
        ),
        (
            "6.3",
            "evaluate",
            30,
            3,
            "A mean over batches is wrong if the last one is short.",
            "Gather all logits and labels first.",
            "The AUC follows from the ranks of the positives' scores, ties at their middle rank.",
        ),
        (
            "6.4",
            "cosine_decay",
            15,
            1,
            "Draw the curve on paper and mark where each piece ends.",
            "The warm-up takes warmup_fraction * total_steps steps, not rounded.",
            "Before that peak * step / warmup, after it half of 1 + cos(pi *"
            " progress), 0 at the end.",
        ),
        (
            "6.5",
            "base_features",
            10,
            1,
            "The base is frozen, so each image needs it once.",
            "model.features outside training, batch by batch.",
            "Join features and labels with tf.concat, in the order in which they came.",
        ),
        (
            "6.6",
            "train",
            60,
            5,
            "Write one epoch first, then loop over epochs, then over phases.",
            "After every epoch: evaluate, keep the weights if they are the best, record.",
            "Restore the best weights before the head phase and at the end; train the head on"
            " base_features.",
        ),
    ),
)

BY_NUMBER = {exercise.number: exercise for exercise in EXERCISES}
