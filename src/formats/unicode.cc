#include "formats/unicode.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "formats/utf8.h"

namespace moulin {
namespace {

struct Decomposition {
  uint32_t character;
  uint32_t first;
  uint32_t second;  // 0: none
};

struct CombiningRange {
  uint32_t first;
  uint32_t last;
  int combining_class;
};

#include "formats/unicode_table.inc"

// Syllables of Hangul are composed by arithmetic.
constexpr uint32_t kSyllables = 0xAC00;
constexpr uint32_t kNumSyllables = 11172;
constexpr uint32_t kLeading = 0x1100;
constexpr uint32_t kVowels = 0x1161;
constexpr uint32_t kTrailing = 0x11A7;
constexpr uint32_t kNumVowels = 21;
constexpr uint32_t kNumTrailing = 28;

void AppendDecomposed(uint32_t c, std::vector<uint32_t>* out) {
  if (c - kSyllables < kNumSyllables) {
    const uint32_t index = c - kSyllables;
    out->push_back(kLeading + index / (kNumVowels * kNumTrailing));
    out->push_back(kVowels + index / kNumTrailing % kNumVowels);
    if (index % kNumTrailing != 0) out->push_back(kTrailing + index % kNumTrailing);
    return;
  }
  const auto* it = std::lower_bound(std::begin(kDecompositions), std::end(kDecompositions), c,
                                    [](const Decomposition& d, uint32_t x) { return d.character < x; });
  if (it == std::end(kDecompositions) || it->character != c) {
    out->push_back(c);
    return;
  }
  AppendDecomposed(it->first, out);
  if (it->second != 0) AppendDecomposed(it->second, out);
}

int CombiningClass(uint32_t c) {
  const auto* it = std::lower_bound(std::begin(kCombining), std::end(kCombining), c,
                                    [](const CombiningRange& r, uint32_t x) { return r.last < x; });
  return it != std::end(kCombining) && it->first <= c ? it->combining_class : 0;
}

std::vector<uint32_t> CodePoints(absl::string_view text) {
  std::vector<uint32_t> code_points;
  for (const char signed_byte : text) {
    const auto byte = static_cast<uint8_t>(signed_byte);
    if ((byte & 0xC0) == 0x80 && !code_points.empty()) {
      code_points.back() = code_points.back() << 6 | (byte & 0x3F);
    } else {
      code_points.push_back(byte < 0x80 ? byte : byte < 0xE0 ? byte & 0x1F : byte < 0xF0 ? byte & 0x0F : byte & 0x07);
    }
  }
  return code_points;
}

}  // namespace

std::string CanonicalForm(absl::string_view text) {
  std::vector<uint32_t> decomposed;
  for (const uint32_t c : CodePoints(text)) AppendDecomposed(c, &decomposed);
  // Marks on one character are put in the order of their classes.
  const auto combines = [](uint32_t c) { return CombiningClass(c) != 0; };
  for (auto it = decomposed.begin(); it != decomposed.end();) {
    const auto start = std::find_if(it, decomposed.end(), combines);
    it = std::find_if_not(start, decomposed.end(), combines);
    std::stable_sort(start, it, [](uint32_t a, uint32_t b) { return CombiningClass(a) < CombiningClass(b); });
  }
  std::string form;
  for (const uint32_t c : decomposed) AppendUtf8(c, &form);
  return form;
}

}  // namespace moulin
