// Client-side WebRTC setup
const setupWebRTC = async (sessionId, token) => {
  try {
    // Create peer connection
    const peerConnection = new RTCPeerConnection({
      iceServers: [
        { urls: 'stun:stun1.l.google.com:19302' },
        { urls: 'stun:stun2.l.google.com:19302' }
      ]
    });
    
    // Add audio track from microphone
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    stream.getAudioTracks().forEach(track => {
      peerConnection.addTrack(track, stream);
    });
    
    // Create offer
    const offer = await peerConnection.createOffer();
    await peerConnection.setLocalDescription(offer);
    
    // Wait for ICE gathering to complete
    await new Promise(resolve => {
      if (peerConnection.iceGatheringState === 'complete') {
        resolve();
      } else {
        peerConnection.addEventListener('icegatheringstatechange', () => {
          if (peerConnection.iceGatheringState === 'complete') {
            resolve();
          }
        });
      }
    });
    
    // Send SDP offer to Fly.io server
    const response = await fetch('/api/sdp-exchange', {
      method: 'POST',
      headers: {
        'Authorization': `Bearer ${token}`,
        'Content-Type': 'application/json'
      },
      body: JSON.stringify({
        sdpOffer: peerConnection.localDescription.sdp,
        sessionId
      })
    });
    
    if (!response.ok) {
      throw new Error('Failed to exchange SDP information');
    }
    
    const { sdpAnswer } = await response.json();
    
    // Set remote description from SDP answer
    await peerConnection.setRemoteDescription({
      type: 'answer',
      sdp: sdpAnswer
    });
    
    // Set up data channel for control messages
    const dataChannel = peerConnection.createDataChannel('openai-control');
    
    // Set up event handlers
    dataChannel.onopen = () => {
      // Configure OpenAI session
      dataChannel.send(JSON.stringify({
        type: 'session.update',
        session: {
          instructions: "You are an interviewer for the position of Software Engineer...",
          voice: "alloy",
          tools: [
            {
              type: "function",
              name: "end_session",
              description: "End the interview session",
              parameters: {}
            }
          ],
          input_audio_transcription: { model: "whisper-1" },
          turn_detection: {
            type: "server_vad",
            threshold: 0.5,
            silence_duration_ms: 800,
            create_response: true
          }
        }
      }));
      
      // Start the interview
      dataChannel.send(JSON.stringify({
        type: 'response.create',
        response: {
          modalities: ['text', 'audio'],
          instructions: "Introduce yourself and ask the candidate about their experience"
        }
      }));
    };
    
    return { peerConnection, dataChannel, stream };
  } catch (error) {
    console.error('WebRTC setup error:', error);
    throw error;
  }
};
