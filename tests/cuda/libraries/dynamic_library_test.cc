#include "cuda/libraries/dynamic_library.h"

#include <cmath>
#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moulin::cuda {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(DynamicLibrary, OpensAsTheLinkerDoes) {
  const auto library = DynamicLibrary::Open("libm.so.6");
  ASSERT_TRUE(library.ok()) << library.status();
  EXPECT_THAT((*library)->path(), HasSubstr("libm.so.6"));
  double (*cosine)(double) = nullptr;
  ASSERT_TRUE((*library)->Get("cos", &cosine).ok());
  EXPECT_EQ(cosine(0.0), 1.0);
}

TEST(DynamicLibrary, NamesTheMissingFunction) {
  const auto library = DynamicLibrary::Open("libm.so.6");
  ASSERT_TRUE(library.ok());
  void (*function)() = nullptr;
  EXPECT_THAT((*library)->Get("no_such_function", &function).message(), HasSubstr("no_such_function"));
  EXPECT_EQ((*library)->Find("no_such_function"), nullptr);
}

TEST(DynamicLibrary, SaysWhatWasTried) {
  setenv("MOULIN_CUDA_LIBRARY_PATH", "/no/such/folder:/nor/this", 1);
  const auto library = DynamicLibrary::Open("libmoulin_absent.so.1", {"/first/folder"});
  unsetenv("MOULIN_CUDA_LIBRARY_PATH");
  ASSERT_FALSE(library.ok());
  EXPECT_THAT(library.status().message(), HasSubstr("E_DEVICE: cannot open libmoulin_absent.so.1"));
  for (const char* place : {"/first/folder/", "/no/such/folder/", "/nor/this/", "dynamic linker"}) {
    EXPECT_THAT(library.status().message(), HasSubstr(place));
  }
}

TEST(DynamicLibrary, EnvironmentIsAListOfFolders) {
  setenv("MOULIN_CUDA_LIBRARY_PATH", "/a/b::/c", 1);
  EXPECT_THAT(LibraryPathFromEnvironment(), ElementsAre("/a/b", "/c"));
  unsetenv("MOULIN_CUDA_LIBRARY_PATH");
  EXPECT_THAT(LibraryPathFromEnvironment(), ElementsAre());
}

}  // namespace
}  // namespace moulin::cuda
