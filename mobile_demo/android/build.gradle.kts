// For Android Studio. NOT TRIED: the machines of this project reach neither Google's Maven
// nor Gradle's plugins; build.sh is what is tested.
plugins {
    id("com.android.application") version "8.5.2"
}

android {
    namespace = "tfsphereface.app"
    compileSdk = 34
    defaultConfig {
        applicationId = "tfsphereface.app"
        minSdk = 26
        targetSdk = 34
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    sourceSets["main"].apply {
        manifest.srcFile("app/src/main/AndroidManifest.xml")
        java.setSrcDirs(listOf("app/src/main/java", "core/src/main/java"))
        res.setSrcDirs(listOf("app/src/main/res"))
        assets.setSrcDirs(listOf("build/assets")) // assets/bundle: a copy of the bundle
    }
    androidResources { noCompress += "tflite" }
    packaging {
        jniLibs.useLegacyPackaging = true
        resources.excludes += "META-INF/**"
    }
}

dependencies {
    implementation("com.eclipsesource.minimal-json:minimal-json:0.9.5")
    implementation("org.bytedeco:tensorflow-lite:2.21.0-1.5.14")
    for (processor in listOf("android-arm64", "android-x86_64")) {
        implementation("org.bytedeco:tensorflow-lite:2.21.0-1.5.14:$processor")
        implementation("org.bytedeco:javacpp:1.5.14:$processor")
    }
}
