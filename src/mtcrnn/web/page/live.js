// The live page of `mtcrnn play`.

import { run } from "./app.js";
import { Remote } from "./remote.js";

run(new Remote(), "mtcrnn play does not answer: reload the page");
