// `inputs` holds a list of values for each input, one a row; return as many for each output.
const positive = new Set(["good", "excellent", "rise", "win"]);
const negative = new Set(["bad", "terrible", "fall", "loss"]);

const score = (text) =>
  (text ?? "").toLowerCase().split(/\W+/).reduce((sum, word) => sum + positive.has(word) - negative.has(word), 0);

module.exports = (inputs) => {
  const scores = inputs.text.map(score);
  return { score: scores, label: scores.map((value) => (value < 0 ? "negative" : "positive")) };
};
