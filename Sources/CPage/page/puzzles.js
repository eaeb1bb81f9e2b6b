// Puzzles that the bundled model solves, for whoever comes first.
import { language } from "./strings.js";

const puzzles = {
  en: [
    "A cage holds chickens and rabbits: 35 heads and 94 legs. How many of each?",
    "What is 47 + 85?",
    "What is 63 - 27 + 18?",
  ],
  "zh-Hant": ["雞兔同籠，上有35頭，下有94足，問雞兔各幾何？", "47+85等於多少？", "63-27+18等於多少？"],
};

export default puzzles[language];
