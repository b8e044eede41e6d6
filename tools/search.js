// What the search box of the docs site asks, in place of Fuse, whose fuzzy matches hide the page that answers.
// Every word must occur, as a word or the start of one; titles count more than headings, headings more than text.
window.Fuse = class {
  constructor(entries) {
    const words = text => text.toLowerCase().replace(/[^\p{L}\p{N}_]+/gu, " ");
    this.entries = entries.map(item => ({
      item, whole: !item.section,
      title: " " + words(item.title + " " + (item.section ? "" : item.keywords || "")) + " ",
      section: " " + words(item.section) + " ", text: " " + words(item.text) + " ",
    }));
    this.words = words;
  }

  score(entry, word) {
    const fits = (text, whole, start) =>
      text.includes(` ${word} `) ? whole : text.includes(` ${word}`) ? start : 0;
    const times = Math.min(entry.text.split(` ${word}`).length - 1, 5);
    return (entry.whole ? 2 : 1) * fits(entry.title, 20, 10) + fits(entry.section, 12, 6)
      + fits(entry.text, 2, 1) + times / 5;
  }

  search(query, { limit }) {
    const words = this.words(query).split(" ").filter(Boolean), found = [];
    const phrase = words.length > 1 ? words.join(" ") : null;
    for (const entry of this.entries) {
      const scores = words.map(word => this.score(entry, word));
      if (!words.length || Math.min(...scores) === 0) continue;
      let sum = scores.reduce((a, b) => a + b);
      if (phrase && entry.title.includes(phrase)) sum += 40;
      else if (phrase && (entry.section + entry.text).includes(phrase)) sum += 10;
      found.push({ item: entry.item, sum });
    }
    return found.sort((a, b) => b.sum - a.sum).slice(0, limit);
  }
};
