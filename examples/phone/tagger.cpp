// Tags lines of text with a token_ids_*.tflite of a tagger with a cased WordPiece vocabulary. Nothing but this file, LiteRT
// and the .tflite is needed: labels, vocabulary and rules lie in the .tflite.
//
//   g++ -std=c++17 -O2 tagger.cpp -lLiteRt -o tagger
//   ./tagger token_ids_dynamic.tflite < text.txt      words at white space; out comes a line of tags for each line
//
// What it leaves out: other splitting of raw text into words (words.js shows it), sentences that are longer than the
// student takes, and words that never begin or end an entity (docs/onnx.md).

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "litert.h"

using Bytes = std::string;

static void check(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

// --- The files that lie in a .tflite, as an archive of uncompressed files behind the model. --------------------------

static uint32_t number(const Bytes& data, size_t at, int bytes) {
  uint32_t found = 0;
  for (int i = 0; i < bytes; i++) found |= uint32_t(uint8_t(data.at(at + i))) << (8 * i);
  return found;
}

static std::map<std::string, Bytes> enclosed_files(const Bytes& data) {
  size_t end = data.rfind("PK\5\6");
  check(end != Bytes::npos, "no files in this .tflite: export it again");
  std::map<std::string, Bytes> files;
  size_t entry = number(data, end + 16, 4);
  for (uint32_t left = number(data, end + 10, 2); left > 0; left--) {
    size_t size = number(data, entry + 20, 4), name = number(data, entry + 28, 2), local = number(data, entry + 42, 4);
    size_t begin = local + 30 + number(data, local + 26, 2) + number(data, local + 28, 2);
    files[data.substr(entry + 46, name)] = data.substr(begin, size);
    entry += 46 + name + number(data, entry + 30, 2) + number(data, entry + 32, 2);
  }
  return files;
}

static std::vector<std::string> lines_of(const Bytes& data) {
  std::vector<std::string> lines;
  std::istringstream text(data);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// The numbers of `"key": [1, 2, ...]` or, nested, of all its lists; enough for these files, no parser of JSON.
static std::vector<std::vector<int>> lists_of(const Bytes& json, const std::string& key) {
  size_t at = json.find("\"" + key + "\"");
  check(at != Bytes::npos, key + " is missing in a file of this .tflite: export it again");
  std::vector<std::vector<int>> found;
  int depth = 0;
  for (at = json.find('[', at); at < json.size(); at++) {
    char c = json[at];
    if (c == '[') depth++, found.emplace_back();
    if (c == ']' && --depth == 0) break;
    if (c == '-' || (c >= '0' && c <= '9')) {
      size_t used;
      found.back().push_back(std::stoi(json.substr(at, 12), &used));
      at += used - 1;
    }
  }
  if (found.size() > 1) found.erase(found.begin());
  return found;
}

// --- Subwords ---------------------------------------------------------------------------------------------------------

// A line of UTF-8 -> code points, and where each begins.
static std::vector<std::pair<uint32_t, size_t>> characters_of(const std::string& text) {
  std::vector<std::pair<uint32_t, size_t>> found;
  for (size_t at = 0; at < text.size();) {
    uint8_t first = text[at];
    int more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    uint32_t code = more == 0 ? first : first & (0x3F >> more);
    for (int i = 1; i <= more && at + i < text.size(); i++) code = code << 6 | (uint8_t(text[at + i]) & 0x3F);
    found.emplace_back(code, at);
    at += 1 + more;
  }
  return found;
}

class WordPiece {
 public:
  explicit WordPiece(const std::map<std::string, Bytes>& files) : runs_(lists_of(files.at("words.json"), "runs").at(0)) {
    check(files.count("vocab.txt") > 0, "this program knows WordPiece alone; use the library tokenizers");
    check(files.at("model.json").find("\"lowercase\": true") == Bytes::npos,
          "this program knows cased vocabularies alone: lower-casing and accents need ICU");
    auto pieces = lines_of(files.at("vocab.txt"));
    for (size_t id = 0; id < pieces.size(); id++) ids_[pieces[id]] = int(id);
  }

  int id(const std::string& piece) const { return ids_.at(piece); }

  // The words of a line, and the ids of each.
  std::vector<std::vector<int>> words(const std::string& line) const {
    std::vector<std::vector<int>> found;
    std::string part;
    int length = 0;
    bool in_word = false;
    auto end_part = [&] {
      if (!part.empty()) add(part, length, found.back());
      part.clear(), length = 0;
    };
    auto characters = characters_of(line);
    for (size_t i = 0; i < characters.size(); i++) {
      auto [code, begin] = characters[i];
      size_t stop = i + 1 < characters.size() ? characters[i + 1].second : line.size();
      int kind = bits(code);
      if (kind & kSpace) {
        end_part(), in_word = false;
        continue;
      }
      if ((kind & kInvisible) || is_deleted(code)) continue;
      if (!in_word) found.emplace_back(), in_word = true;
      bool alone = is_chinese(code) || ((kind & kMark) && (code < 128 || !(kind & kSymbol)));
      if (alone) end_part();
      part += line.substr(begin, stop - begin), length++;
      if (alone) end_part();
    }
    end_part();
    return found;
  }

 private:
  enum { kSpace = 1, kInvisible = 2, kMark = 8, kSymbol = 16 };  // of words.json

  int bits(uint32_t code) const {
    size_t low = 0, high = runs_.size() / 2;
    while (high - low > 1) (runs_[(low + high) / 2 * 2] <= int(code) ? low : high) = (low + high) / 2;
    return runs_[2 * low + 1];
  }

  // Control, format and private-use characters, as far as words.json does not tell them apart.
  static bool is_deleted(uint32_t c) {
    return c < 32 || (c >= 127 && c < 160) || c == 0xFFFD || (c >= 0xE000 && c <= 0xF8FF) || c >= 0xF0000 ||
           (c >= 0x600 && c <= 0x605) || c == 0x6DD || c == 0x70F || (c >= 0xFFF9 && c <= 0xFFFB) || c == 0x110BD ||
           (c >= 0x1BCA0 && c <= 0x1BCA3) || (c >= 0x1D173 && c <= 0x1D17A);
  }

  // As in `tokenizers`, which leaves a gap after 2B81F.
  static bool is_chinese(uint32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x2F800 && c <= 0x2FA1F);
  }

  void add(const std::string& part, int length, std::vector<int>& ids) const {
    size_t before = ids.size();
    for (size_t begin = 0; begin < part.size() && length <= 100;) {
      size_t end = part.size();
      auto piece = ids_.end();
      for (; end > begin; end--) {
        piece = ids_.find((begin ? "##" : "") + part.substr(begin, end - begin));
        if (piece != ids_.end()) break;
      }
      if (piece == ids_.end()) {
        ids.resize(before);
        break;
      }
      ids.push_back(piece->second);
      begin = end;
    }
    if (ids.size() == before) ids.push_back(id("[UNK]"));
  }

  std::vector<int> runs_;
  std::unordered_map<std::string, int> ids_;
};

// --- The model --------------------------------------------------------------------------------------------------------

class Model {
 public:
  explicit Model(const char* path) {
    LiteRtModel model;
    LiteRtOptions options;
    require(LiteRtCreateEnvironment(0, nullptr, &environment_), "environment");
    require(LiteRtCreateModelFromFile(environment_, path, &model), "reading the model");
    require(LiteRtCreateOptions(&options), "options");
    require(LiteRtSetOptionsHardwareAccelerators(options, kLiteRtHwAcceleratorCpu), "processor");
    require(LiteRtCreateCompiledModel(environment_, model, options, &compiled_), "compiling");
    LiteRtSignature signature;
    size_t count;
    require(LiteRtGetModelSignature(model, 0, &signature), "signature");
    require(LiteRtGetNumSignatureInputs(signature, &count), "inputs");
    for (size_t i = 0; i < count; i++) {
      const char* name;
      require(LiteRtGetSignatureInputName(signature, i, &name), "name of an input");
      names_.push_back(name);
    }
  }

  // [pieces] ids -> [pieces * labels] logits.
  std::vector<float> logits(const std::vector<int>& ids, size_t labels) {
    int time = int(ids.size()), shape[2] = {1, time};
    std::vector<LiteRtTensorBuffer> inputs;
    for (size_t i = 0; i < names_.size(); i++) {
      require(LiteRtCompiledModelResizeInputTensor(compiled_, 0, i, shape, 2), "length of an input");
      std::vector<int> values = names_[i] == "input_ids" ? ids : std::vector<int>(ids.size(), names_[i] == "attention_mask");
      inputs.push_back(buffer(kLiteRtElementTypeInt32, {1, time}));
      void* memory;
      require(LiteRtLockTensorBuffer(inputs.back(), &memory, kLiteRtTensorBufferLockModeWrite), "writing");
      std::memcpy(memory, values.data(), values.size() * sizeof(int));
      LiteRtUnlockTensorBuffer(inputs.back());
    }
    LiteRtTensorBuffer output = buffer(kLiteRtElementTypeFloat32, {1, time, int(labels)});
    require(LiteRtRunCompiledModel(compiled_, 0, inputs.size(), inputs.data(), 1, &output), "running the model");
    std::vector<float> found(ids.size() * labels);
    void* memory;
    require(LiteRtLockTensorBuffer(output, &memory, kLiteRtTensorBufferLockModeRead), "reading");
    std::memcpy(found.data(), memory, found.size() * sizeof(float));
    LiteRtUnlockTensorBuffer(output);
    for (auto input : inputs) LiteRtDestroyTensorBuffer(input);
    LiteRtDestroyTensorBuffer(output);
    return found;
  }

 private:
  static void require(LiteRtStatus status, const char* what) {
    check(status == 0, std::string("LiteRT: ") + what + " failed (status " + std::to_string(status) + ")");
  }

  LiteRtTensorBuffer buffer(int type, const std::vector<int>& shape) {
    LiteRtRankedTensorType ranked = {};
    ranked.element_type = type;
    ranked.layout.rank = unsigned(shape.size());
    size_t size = 4;
    for (size_t i = 0; i < shape.size(); i++) ranked.layout.dimensions[i] = shape[i], size *= shape[i];
    LiteRtTensorBuffer made;
    require(LiteRtCreateManagedTensorBuffer(environment_, kLiteRtTensorBufferTypeHostMemory, &ranked, size, &made), "buffer");
    return made;
  }

  LiteRtEnvironment environment_;
  LiteRtCompiledModel compiled_;
  std::vector<std::string> names_;
};

// --- Tags of words ----------------------------------------------------------------------------------------------------

// The best legal sequence: the sums of the best ways to go on are added from the last word back.
static std::vector<int> decode(std::vector<std::vector<float>> rows, const std::vector<int>& may_begin,
                               const std::vector<std::vector<int>>& may_follow) {
  for (auto& row : rows) {
    float top = *std::max_element(row.begin(), row.end());
    for (auto& value : row) value -= top;
  }
  for (int word = int(rows.size()) - 2; word >= 0; word--)
    for (size_t label = 0; label < may_follow.size(); label++) {
      float best = -1e30f;
      for (int next : may_follow[label]) best = std::max(best, rows[word + 1][next]);
      rows[word][label] += best;
    }
  std::vector<int> found;
  for (auto& row : rows) {
    const auto& allowed = found.empty() ? may_begin : may_follow[found.back()];
    found.push_back(*std::max_element(allowed.begin(), allowed.end(), [&](int a, int b) { return row[a] < row[b]; }));
  }
  return found;
}

int main(int count, char** arguments) try {
  check(count == 2, "usage: tagger token_ids_dynamic.tflite < text.txt");
  std::ifstream file(arguments[1], std::ios::binary);
  check(bool(file), std::string(arguments[1]) + ": cannot be read");
  auto files = enclosed_files(Bytes(std::istreambuf_iterator<char>(file), {}));
  auto labels = lines_of(files.at("labels.txt"));
  auto may_begin = lists_of(files.at("model.json"), "may_begin").at(0);
  auto may_follow = lists_of(files.at("model.json"), "may_follow");
  WordPiece tokenizer(files);
  Model model(arguments[1]);
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<int> ids = {tokenizer.id("[CLS]")}, first;
    for (const auto& word : tokenizer.words(line)) {
      first.push_back(int(ids.size()));
      ids.insert(ids.end(), word.begin(), word.end());
    }
    ids.push_back(tokenizer.id("[SEP]"));
    auto logits = model.logits(ids, labels.size());
    std::vector<std::vector<float>> rows;
    for (int place : first) rows.emplace_back(&logits[place * labels.size()], &logits[(place + 1) * labels.size()]);
    const char* space = "";
    for (int label : decode(rows, may_begin, may_follow)) std::cout << space << labels[label], space = " ";
    std::cout << "\n";
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << "\n";
  return 1;
}
