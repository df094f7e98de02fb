//! The file of a text scenario: comments, then blocks of commands, each with what is expected.
//!
//! ```text
//! # What it shows, in a sentence.
//! # Rules: R-20, R-21
//!
//! nodes 3
//! ----
//! what is expected
//! ```
//!
//! A block is one command a line, a line of four dashes, and what these commands are expected to
//! write; a blank line ends it.

/// Between commands and what is expected of them.
const RULE: &str = "----";

/// Commands, and what they are expected to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// The line of the first command, from 1.
    pub line: usize,
    /// Comments that stand before the commands, with their signs.
    pub comments: Vec<String>,
    /// The commands.
    pub commands: Vec<String>,
    /// What is expected.
    pub expected: Vec<String>,
}

/// A scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// The comments at its head, with their signs.
    pub head: Vec<String>,
    /// What happens.
    pub blocks: Vec<Block>,
}

impl File {
    /// From the text of the file.
    ///
    /// # Errors
    /// A sentence, with the line, if there are no commands before, or no rule after some.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut blocks = Vec::new();
        let mut head = None;
        let mut lines = (1..).zip(text.lines()).peekable();
        loop {
            while lines.next_if(|(_, line)| line.is_empty()).is_some() {}
            let Some(&(first, _)) = lines.peek() else { break };
            let mut comments = Vec::new();
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('#')) {
                comments.push(line.to_owned());
            }
            if head.is_none() {
                head = Some(comments);
                continue;
            }
            let line = first + comments.len();
            let mut block = Block { line, comments, commands: Vec::new(), expected: Vec::new() };
            loop {
                match lines.next() {
                    Some((_, RULE)) if !block.commands.is_empty() => break,
                    Some((_, command)) if !command.is_empty() && command != RULE => {
                        block.commands.push(command.to_owned());
                    }
                    _ => return Err(format!("line {line}: commands and then {RULE} expected")),
                }
            }
            while let Some((_, line)) = lines.next_if(|(_, line)| !line.is_empty()) {
                block.expected.push(line.to_owned());
            }
            blocks.push(block);
        }
        Ok(Self { head: head.unwrap_or_default(), blocks })
    }

    /// As the text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.head.iter().fold(String::new(), |text, line| text + line + "\n");
        for Block { comments, commands, expected, .. } in &self.blocks {
            text.push('\n');
            let rule = RULE.to_owned();
            for line in comments.iter().chain(commands).chain([&rule]).chain(expected) {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    /// The rules that it shows, from its head.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        let lists = self.head.iter().filter_map(|line| line.strip_prefix("# Rules:"));
        lists.flat_map(|list| list.split(',')).map(str::trim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Says something.\n# Rules: R-20, R-21\n\nnodes 3\n----\nok\nfine\n\n# \
                        Why.\ncrash 1\nrun 1s\n----\n";

    #[test]
    fn what_is_read_is_written_alike() {
        let file = File::parse(TEXT).unwrap();
        assert_eq!(file.blocks.len(), 2);
        assert_eq!((file.blocks[0].line, file.blocks[1].line), (4, 10));
        assert_eq!(file.blocks[1].commands, ["crash 1", "run 1s"]);
        assert_eq!(file.rules().collect::<Vec<_>>(), ["R-20", "R-21"]);
        assert_eq!(file.to_text(), TEXT);
    }

    #[test]
    fn a_block_without_commands_or_rule_is_refused_with_its_line() {
        let error = File::parse("# Head.\n\nrun 1s\n\nrun 2s\n----\n").unwrap_err();
        assert!(error.starts_with("line 3:"), "{error}");
        assert!(File::parse("# Head.\n\n----\nok\n").is_err());
    }
}
