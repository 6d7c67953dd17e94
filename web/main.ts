// The page's entry.
const main = document.createElement("main");
const heading = document.createElement("h1");
heading.textContent = "Confab";
main.append(heading);
document.body.append(main);
