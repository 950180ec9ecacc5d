// Draws each chart into the element that has its name. Colours are variables of the style, so light, dark and print
// need no second drawing. Vega's expressions are interpreted, since the page's policy forbids to make code of text.
"use strict";
(async () => {
  const { config, specs } = JSON.parse(document.getElementById("chart-specs").textContent);
  const options = {
    actions: false,
    ast: true,
    config,
    defaultStyle: false,
    mode: "vega-lite",
    renderer: "svg",
    tooltip: { disableDefaultStyle: true },
  };
  const draw = async ([name, spec]) => {
    const place = document.getElementById(`chart-${name}`);
    try {
      await window.vegaEmbed(place, spec, options);
    } catch (error) {
      place.textContent = "This chart could not be drawn; its numbers are in the table below.";
      place.removeAttribute("role");
      console.error(error);
    }
  };
  await Promise.all(Object.entries(specs).map(draw));
  document.documentElement.dataset.charts = "drawn";
})();
