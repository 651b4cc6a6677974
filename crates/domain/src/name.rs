//! Names, and how they are compared across spellings and scripts.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// One name of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// BCP 47 language; empty if not known.
    pub language: String,
    /// ISO 15924 script; empty if not known.
    pub script: String,
}

/// The form in which names are compared: compatibility-decomposed, without marks
/// and vowel signs, in lower case, with one form for the Arabic letters that
/// writers interchange, without the article, punctuation read as a space.
///
/// `Ḥamāh` and `hamah`, `حماة` and `حماه`, `As-Sawaaek` and `as sawaaek` agree;
/// a transliteration and its original do not: both belong into the registry.
#[must_use]
pub fn normalise(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        match c {
            // Alef with hamza or madda decomposes to alef by NFKD; these do not.
            'ٱ' => folded.push('ا'),
            'ى' | 'ئ' => folded.push('ي'),
            'ة' => folded.push('ه'),
            'ؤ' => folded.push('و'),
            // Tatweel stretches a word, hamza comes and goes.
            'ـ' | 'ء' | '\'' | '’' | '‘' | 'ʿ' | 'ʾ' | '`' => {}
            c if c.is_alphanumeric() => folded.extend(c.to_lowercase()),
            _ => folded.push(' '),
        }
    }
    folded
        .split_whitespace()
        .map(without_article)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn without_article(word: &str) -> &str {
    if matches!(word, "al" | "el") {
        return "";
    }
    match word.strip_prefix("ال") {
        // "ال" alone or with one letter is a word of its own.
        Some(rest) if rest.chars().count() >= 2 => rest,
        _ => word,
    }
}

/// How alike two normalised names are, 0 to 1 (Jaro–Winkler).
#[must_use]
pub fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_agree() {
        assert_eq!(normalise("Ḥamāh"), normalise("hamah"));
        assert_eq!(normalise("حَمَاة"), normalise("حماه"));
        assert_eq!(normalise("الصواعق"), normalise("صواعق"));
        assert_eq!(normalise("Al-Arbaeen"), normalise("arbaeen"));
        assert_eq!(
            normalise("Jabal  Zayn al-‘Abidin"),
            normalise("jabal zayn abidin")
        );
    }

    #[test]
    fn different_names_stay_different() {
        assert_ne!(normalise("Hama"), normalise("Homs"));
        assert_ne!(normalise("حماة"), normalise("حمص"));
    }
}
